// Demo is the whole of shmbus in one command: real data is published, watched, recorded, replayed and compared.
//
//	go run ./samples/demo
//
// It starts hostmetrics, a subscriber and a lossless recorder as processes of their own in a fresh private domain, shows
// what the subscriber receives, replays the recording at its own pace into a second fresh domain where another recorder
// and another subscriber wait, and compares the two recordings message by message. Every step counts for itself:
// messages published, received, recorded, replayed and recorded again must be the same on every topic.
//
// It ends with one line "demo ok: ..." and exit code 0, or says what differed and exits with 1. It leaves no process
// and no domain behind, however it ends; only SIGKILL of the parent leaves the empty domains and the files.
//
// The processes are this same program started again. The parent sends each a request as the first line of its standard
// input and closes that to stop it; so a child also ends when its parent ends. Children reply with lines of JSON.
package main
