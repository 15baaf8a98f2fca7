// Command pictures draws a captured terminal screen as an SVG.
//
//	go run . <shmmon.ansi >shmmon.svg
package main

import (
	"fmt"
	"html"
	"os"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	cellWidth, cellHeight  = 8, 18 // pixels
	margin, baseline       = 12, 13
	foreground, background = "#d8dee9", "#1e222a"
)

// A style holds the parameters of the escape sequences since the last reset.
type style []string

// with returns the style after one more parameter: a reset, a color, or anything else.
func (s style) with(parameter string) style {
	switch {
	case parameter == "" || parameter == "0":
		return nil
	case strings.HasPrefix(parameter, "3"):
		s = slices.DeleteFunc(s, func(p string) bool { return strings.HasPrefix(p, "3") })
	}
	return append(s, parameter)
}

func (s style) has(parameter string) bool { return slices.Contains(s, parameter) }

// attributes returns the attributes of text in this style, and the color behind it.
func (s style) attributes() (text, behind string) {
	fill, behind := foreground, background
	for i, color := range []string{"#4c566a", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2"} {
		if s.has(fmt.Sprint(30 + i)) {
			fill = color
		}
	}
	if s.has("7") {
		fill, behind = behind, fill
	}
	text = fmt.Sprintf(`fill="%s"`, fill)
	for parameter, attribute := range []string{1: `font-weight="bold"`, 2: `fill-opacity="0.6"`, 4: `text-decoration="underline"`} {
		if attribute != "" && s.has(fmt.Sprint(parameter)) {
			text += " " + attribute
		}
	}
	return text, behind
}

var run = regexp.MustCompile(`\x1b\[([0-9;]*)m|[^\x1b]+`)

// draw returns the picture of a screen. Each run of text gets the width of its cells, whatever font the viewer has.
func draw(screen string) string {
	lines := strings.Split(strings.TrimRight(screen, "\n"), "\n")
	var body strings.Builder
	s, columns := style(nil), 0
	for row, line := range lines {
		column := 0
		for _, part := range run.FindAllStringSubmatch(line, -1) {
			if strings.HasPrefix(part[0], "\x1b") {
				for _, parameter := range strings.Split(part[1], ";") {
					s = s.with(parameter)
				}
				continue
			}
			cells := utf8.RuneCountInString(part[0])
			x, y := margin+column*cellWidth, margin+row*cellHeight
			text, behind := s.attributes()
			if behind != background {
				fmt.Fprintf(&body, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"%s\"/>\n", x, y, cells*cellWidth, cellHeight, behind)
			}
			fmt.Fprintf(&body, "<text x=\"%d\" y=\"%d\" textLength=\"%d\" %s>%s</text>\n", x, y+baseline, cells*cellWidth, text, html.EscapeString(part[0]))
			column += cells
		}
		columns = max(columns, column)
	}
	width, height := 2*margin+columns*cellWidth, 2*margin+len(lines)*cellHeight
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d">
<rect width="%d" height="%d" rx="8" fill="%s"/>
<g font-family="ui-monospace, Menlo, 'DejaVu Sans Mono', monospace" font-size="13.3" xml:space="preserve">
%s</g>
</svg>
`, width, height, width, height, width, height, background, body.String())
}

func main() {
	screen, err := os.ReadFile("/dev/stdin")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Stdout.WriteString(draw(string(screen)))
}
