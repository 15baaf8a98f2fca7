//go:build linux && !shmbus_failpoints

package integration

// struckRoles are those of the tests that strike at named steps, which need a program that has these.
func struckRoles() map[string]role { return nil }
