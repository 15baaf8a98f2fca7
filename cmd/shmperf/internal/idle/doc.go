// Package idle measures what a process costs that takes part in a domain while nothing happens there.
package idle
