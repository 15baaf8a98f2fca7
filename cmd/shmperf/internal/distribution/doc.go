// Package distribution collects delays and says how they are distributed.
package distribution
