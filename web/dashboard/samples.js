// Two texts to try: the opening of Jerome K. Jerome's "Three Men in a Boat" (1889), and what an assistant writes.

/** What the sample buttons of the playground paste. */
export const SAMPLES = {
  human: `There were four of us—George, and William Samuel Harris, and myself, and Montmorency. We were sitting in my \
room, smoking, and talking about how bad we were—bad from a medical point of view I mean, of course.

We were all feeling seedy, and we were getting quite nervous about it. Harris said he felt such extraordinary fits of \
giddiness come over him at times, that he hardly knew what he was doing; and then George said that he had fits of \
giddiness too, and hardly knew what he was doing. With me, it was my liver that was out of order. I knew it was my \
liver that was out of order, because I had just been reading a patent liver-pill circular, in which were detailed the \
various symptoms by which a man could tell when his liver was out of order. I had them all.`,
  ai: `The proliferation of artificial intelligence has engendered a profound paradigm shift across numerous sectors, \
fundamentally transforming how organizations approach complex challenges. By leveraging sophisticated algorithms and \
vast datasets, these systems enable unprecedented levels of efficiency, accuracy, and innovation. Moreover, the \
seamless integration of machine learning into everyday workflows fosters collaboration and empowers individuals to \
focus on higher-value tasks. Ultimately, embracing this transformative technology is essential for navigating the \
evolving landscape of the modern digital economy.`,
};
