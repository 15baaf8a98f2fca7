// Package crowd measures a domain with many participants and topics: how long it takes to list them, and whether a new publisher
// still finds its subscriber soon.
package crowd
