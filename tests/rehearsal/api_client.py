"""Requests to the deployed HTTP API."""

import json
import urllib.error
import urllib.parse
import urllib.request


class Api:
    """API Gateway's address is a name below `localhost` that few resolvers know, so it goes into the Host header."""

    def __init__(self, aws, url, key):
        self.aws, self.host, self.key = aws, urllib.parse.urlsplit(url).netloc, key

    def post(self, path, body, **headers):
        return self.send("POST", path, json.dumps(body).encode(), {"Content-Type": "application/json"} | headers)

    def get(self, path):
        return self.send("GET", path, None, {})

    def send(self, method, path, body, headers):
        """The status and the answer."""
        headers = {"Host": self.host, "Authorization": f"Bearer {self.key}"} | headers
        request = urllib.request.Request(self.aws.endpoint + path, body, headers, method=method)
        try:
            with self.aws.open(request) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"null")
