// Package registry is how the processes of a domain find each other.
//
// A domain is a directory on tmpfs. Every participant owns one file in it, which says who it is and lists its publishers and
// subscriptions; nobody else writes that file. After each change the owner notes in the domain's registry file that it has
// news, and rings a bell there, a shared 32-bit word on which those sleep whom it may concern; they look at what is new.
// Notes and bells are hints: whoever misses one notices the change at a later periodic look.
//
// Whether a participant lives is the kernel's word. Its file carries an open-file-description lock from before it has a
// name until its process ends, however it ends. Whoever finds a participant file without that lock removes it and
// everything that belongs to it; doing so twice, or being killed halfway, does no harm.
//
// Everything read from another participant's file is checked before it is believed. A record that does not hold together
// is reported and skipped.
//
// Join takes part in a domain; Observe only looks.
package registry
