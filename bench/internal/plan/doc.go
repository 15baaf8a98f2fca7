// Package plan says what is compared with what: the workloads, who takes part in each, and the bars that we set ourselves.
package plan
