// Package watch turns looks at a domain into topics with rates, delays and losses.
//
// A Source yields snapshots; a Tracker remembers what earlier ones said and makes a View of each. Nothing here
// subscribes to anything or asks for the time, so watching costs the watched nothing and tests feed what they like.
package watch
