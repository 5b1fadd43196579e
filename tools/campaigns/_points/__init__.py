"""A job as small as can be: the engine, a network of points, a report. What all jobs share is tried on it, a second a run."""
