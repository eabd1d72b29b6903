//! Texts for the tests, written for them.

/// A human's, plain and personal.
pub const HUMAN: &str = "I got the old bike out of the shed on Sunday and of course both tyres were flat, so that was \
    the first hour gone. The pump has a leak too. Anyway we went down to the canal in the end, me and Tom, and sat on \
    the wall eating chips while it rained a bit. He told me about his new job, which sounds awful, but he seems to like \
    the people there. I don't know. We were back by six and my legs still hurt.";

/// A language model's, in the manner that they have.
pub const MODEL: &str = "The proliferation of artificial intelligence has engendered a profound paradigm shift across \
    numerous sectors, fundamentally transforming how organizations approach complex challenges. By leveraging \
    sophisticated algorithms and vast datasets, these systems enable unprecedented levels of efficiency, accuracy, and \
    innovation. Moreover, the seamless integration of machine learning into everyday workflows fosters collaboration \
    and empowers individuals to focus on higher-value tasks. Ultimately, embracing this transformative technology is \
    essential for navigating the evolving landscape of the modern digital economy.";
