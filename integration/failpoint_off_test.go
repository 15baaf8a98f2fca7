//go:build linux && !shmbus_failpoints

package integration

// failpointRoles are those of the tests that strike at named steps, which need a program that has these.
func failpointRoles() map[string]role { return nil }
