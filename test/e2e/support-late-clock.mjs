// Given to a program by --import: its clock is five minutes ahead of all others.
const aheadMs = 300_000;
const now = Date.now.bind(Date);
Date.now = () => now() + aheadMs;
