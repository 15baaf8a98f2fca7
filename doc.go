// Package shmbus is the root of the module and holds no code: applications import
// [github.com/shmbus/shmbus/topic], tools also registry, serde and record.
package shmbus
