// Package lastvalue measures a topic of which only the newest sample counts: one process writes it as fast as it goes, others read it
// as fast as they go.
package lastvalue
