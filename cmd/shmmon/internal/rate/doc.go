// Package rate works out how fast a publisher publishes from looks at its counters.
//
// A look sees how many messages and bytes were published and the stamp of the newest message. Between two looks whose
// counts differ, the difference of the counts over the difference of the two stamps is the rate, whenever the looks
// were: a topic of one message in five seconds reads 0.2 at every look, not 0 and 1 by turns, and a fast one does not
// shake with the looker's own timing.
//
// The figures are another process's word. They are bounded here, so that nonsense gives a wrong rate and nothing worse.
package rate
