// Package metrics publishes this machine's own figures: the logic of the hostmetrics sample, as a function that other
// programs can call.
//
// It shows several topics of different types, codecs and rates in one process, topics that depend on what is found at start
// (one per CPU, disk and network interface), schedules that do not drift, and an orderly end.
//
//	topic                         codec    rate    what
//	host/clock                    raw      200 Hz  when the turn was due and how late the machine ran it
//	host/kernel                   cbor     100 Hz  context switches, interrupts, forks, tasks running and blocked
//	host/cpu/total, host/cpu/N    msgpack  10 Hz   shares of time per kind of work
//	host/net/INTERFACE            cbor     10 Hz   bytes and packets, totals and rates
//	host/memory                   cbor     5 Hz    bytes
//	host/disk/DEVICE              msgpack  2 Hz    bytes and operations, totals and rates
//	host/pressure/RESOURCE        msgpack  2 Hz    shares of time lost waiting for cpu, memory, io
//	host/load                     string   1 Hz    the three load averages
//	host/uptime                   json     1 Hz    seconds since boot
//	host/processes                json     1 Hz    how many, and the largest by CPU and by memory
//
// Topics of things that a machine does not have, or does not show, are left out.
package metrics
