// Package param has parameters: named typed values of a participant, which other processes read, watch and set.
//
// A process declares the parameters of its participant with NewServer and Declare, each with a default, a description and a function that
// validates. Another one opens them with Open, by the name of the unit or the id of the participant. Types are bool, int64, float64, string,
// and []byte, and lists of the first four, as in ROS 2. A parameter never changes its type.
//
// # Setting
//
// A value is validated where it was declared, whichever process sets it. The error of a refused value reaches that process with its reason.
// The owner may read and set its parameters at any time, without waiting for other processes. Set returns when every later Get of the same
// Client, and every Get of the owner, returns the new value or a later one.
//
// # Carrying
//
// Each server publishes its parameters on one topic below "$param/", keyed by name, so that a process that comes late has all of them at
// once. It takes new values with a service of package service, named "param/" and the participant's id.
//
// # Concurrency
//
// All functions and methods may be called from any goroutine, except that a validating function must not set a parameter of its server.
package param
