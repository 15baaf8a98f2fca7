// Package mcapjs holds a test: what shmbus records is read by the MCAP project's own JavaScript library. It needs node, and
// `npm ci` in this folder.
package mcapjs
