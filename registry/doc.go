// Package registry lets the processes of a domain find each other.
//
// A domain is a directory on tmpfs. Each participant owns one file in it, which describes the participant and lists its
// publishers and subscriptions. No other process writes that file. After each change the owner counts the change in the
// domain's registry file and rings a bell there: a shared 32-bit word on which the participants sleep that the change may
// concern. They scan for what is new. Counts and bells are hints: a participant that misses one finds the change at its next
// periodic scan.
//
// The kernel decides whether a participant lives. Its file carries an open-file-description lock from before the file has a
// name until the process ends, however it ends. Any participant that finds a participant file without that lock removes the
// file and all other files of that participant. To do so twice, or to be killed halfway, does no harm.
//
// Everything read from another participant's file is checked before it is used. A record that fails a check is reported and
// skipped.
//
// Join takes part in a domain. Observe reads a domain without taking part.
package registry
