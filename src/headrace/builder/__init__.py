"""Building: the one way in which the command line, the webserver and sensors make assets current."""
