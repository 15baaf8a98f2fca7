// Package integration holds tests of several real processes: the test binary starts itself again in the roles of publishers
// and subscribers, which are then fed, watched and killed. Built with the tag shmbus_failpoints, it kills and stops them after
// each step of docs/protocol.md.
package integration
