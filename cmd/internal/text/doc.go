// Package text turns names and figures of other processes into what a terminal may show.
//
// Names, units and payloads are chosen by others. A terminal obeys control characters, so none of them gets through:
// they are written as escapes, as are the invisible characters that reorder or hide text.
package text
