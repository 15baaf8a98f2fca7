// Package capnproto publishes Cap'n Proto messages.
package capnproto
