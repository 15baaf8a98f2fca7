// Package rate works out how fast a publisher publishes from looks at its counters.
//
// A look sees how many messages and bytes were published and the stamp of the newest message. A rate is always the messages of
// one window over the length of that window, and no window is shorter than the Estimator's. A window begins after a message
// that was the newest one at some look and ends with the newest message now, so its count is exact whenever the looks were: a
// topic of one message in five seconds reads 0.2 at every look, not 0 and 1 by turns, and bursts count with the silence
// between them. When the silence after the newest message is longer than any in the window, the window ends now instead.
//
// The figures are another process's word. They are bounded here, so that nonsense gives a wrong rate and nothing worse.
package rate
