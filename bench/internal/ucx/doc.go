// Package ucx runs ucx_perftest, UCX's own measuring program, over its shared memory transport, and reads what it prints.
package ucx
