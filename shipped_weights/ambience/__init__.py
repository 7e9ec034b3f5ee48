"""Which ambience fits what is seen, by judged shots and photographs: heads beside those of scenery."""
