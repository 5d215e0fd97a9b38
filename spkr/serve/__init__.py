"""A packed model behind HTTP: comparing, enrolling and identifying voices, and a page that records two clips."""
