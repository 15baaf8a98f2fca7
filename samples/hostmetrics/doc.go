// Hostmetrics publishes this machine's real figures, as they change: load, CPUs, memory, disks, network, processes. It is
// something to look at with shmmon and to record with shmrec. Package metrics says which topics there are.
//
//	go run ./samples/hostmetrics                       until it is interrupted
//	go run ./samples/hostmetrics --list                which topics this machine has
//	go run ./samples/hostmetrics --duration 10s --report json
//
// The report at the end is the truth to measure others by: the publishers' own counts and rates.
package main
