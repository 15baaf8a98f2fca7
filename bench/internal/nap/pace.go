// Package nap paces the Go programs that are compared.
package nap

import "time"

// Until sleeps until a period after the last turn, and returns the new turn. A late caller sleeps for a whole period.
func Until(turn time.Time, period time.Duration) time.Time {
	turn = turn.Add(period)
	if !time.Now().Before(turn) {
		turn = time.Now().Add(period)
	}
	for d := time.Until(turn); d > 0; d = time.Until(turn) {
		For(d)
	}
	return turn
}
