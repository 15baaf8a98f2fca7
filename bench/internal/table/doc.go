// Package table makes one table of all rounds: medians, ratios, and whether the bars are met.
package table
