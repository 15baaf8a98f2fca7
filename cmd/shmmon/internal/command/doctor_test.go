package command

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/doctor"
)

func TestEveryFieldOfADiagnosisIsDocumented(t *testing.T) {
	row := documented(t, "doctor")
	var js strings.Builder
	r := &doctor.Report{Domain: "/d", Exists: true, Sampled: time.Second, Findings: []doctor.Finding{
		{Severity: doctor.Problem, Fault: doctor.Corrupt, What: "x\x1b[2J", Where: doctor.Where{Participant: 0xaa, Endpoint: 7, Topic: "t\u202e"}}}}
	if err := (&app{App: &cli.App{Stdout: &js, JSON: true}}).print(doctorResult(r)); err != nil {
		t.Fatal(err)
	}
	var document map[string]any
	if err := json.Unmarshal([]byte(js.String()), &document); err != nil {
		t.Fatal(err)
	}
	check := func(fields map[string]any) {
		for name := range fields {
			if !strings.Contains(row, "`"+name+"`") {
				t.Errorf("%q is not in the document", name)
			}
		}
	}
	check(document)
	check(document["file_system"].(map[string]any))
	finding := document["findings"].([]any)[0].(map[string]any)
	check(finding)
	if finding["severity"] != "problem" || finding["entity"] != "00000000000000aa.7" || document["problems"] != 1.0 {
		t.Errorf("%v", document)
	}
	var text strings.Builder
	if err := (&app{App: &cli.App{Stdout: &text}}).print(doctorResult(r)); err != nil {
		t.Fatal(err)
	}
	if all := js.String() + text.String(); strings.ContainsAny(all, "\x1b\u202e") {
		t.Errorf("control characters reach the terminal: %q", all)
	}
}
