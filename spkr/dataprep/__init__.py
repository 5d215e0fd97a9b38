"""A user's own recordings: reading what names them, looking at the audio, splitting by speakers, writing a recipe.

Recordings are a pandas DataFrame with a row for each utterance, and these columns, all but `start` and `end` text:

    audio      path of a file, or a command that ends in |
    speaker    as the user names them
    start end  seconds within the audio, nan for all of it
    place      where the row comes from, for messages: a file and line, or the audio itself

and, where they are known, utt (an id to keep), seconds, set, session, gender, channel, text; further columns are
attributes of utterances, by which results are also given.
"""

COLUMNS = ("audio", "speaker", "start", "end", "place")
KNOWN = (*COLUMNS, "utt", "seconds", "set", "session", "gender", "channel", "text")
SHOWN = 5  # names in a message
