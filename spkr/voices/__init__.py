"""Enrolled voices: the store, the gates of enrolment, who is speaking, names for the segments of a recording."""
