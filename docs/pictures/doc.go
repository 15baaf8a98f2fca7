// Command pictures draws a captured terminal screen as an SVG.
//
//	go run . <shmmon.ansi >shmmon.svg
package main
