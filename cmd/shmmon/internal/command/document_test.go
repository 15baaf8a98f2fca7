package command

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// documented returns the row of the document that has the fields of a command in JSON.
func documented(t *testing.T, command string) string {
	t.Helper()
	page, err := os.ReadFile("../../../../docs/shmmon.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## JSON\n")
	_, row, found := strings.Cut(section, "\n| `"+command+"`")
	if !found {
		t.Fatalf("the document has no row of %s", command)
	}
	row, _, _ = strings.Cut(row, "\n")
	return row
}

// The document has every field of the rows of these commands.
func TestDocument_FieldsOfRows(t *testing.T) {
	for command, row := range map[string]any{
		"list": topicReport{}, "check": alertReport{}, "graph": edge{}, "delay": delayReport{}, "log": logEntry{}, "echo": sampleReport{},
		"services": serviceReport{}, "param": parameterReport{},
	} {
		js, err := json.Marshal(row)
		if err != nil {
			t.Fatal(err)
		}
		columns, err := members(js)
		if err != nil || len(columns) < 8 {
			t.Fatal(columns, err)
		}
		text := documented(t, command)
		for _, c := range columns {
			if !strings.Contains(text, "`"+c.name+"`") {
				t.Errorf("%s: %q is not in the document", command, c.name)
			}
		}
	}
}
