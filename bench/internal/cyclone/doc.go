// Package cyclone runs ddsperf, Cyclone DDS's own measuring program, over the loopback interface, and reads what it prints.
package cyclone
