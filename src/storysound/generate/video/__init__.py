"""Makers of video with sound: networks of both at once, and two of one each in stages."""
