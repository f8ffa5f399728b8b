SELECT n, value FROM readings WHERE value >= 2.5
