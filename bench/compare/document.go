package main

import (
	"os"

	"github.com/shmbus/shmbus/bench/internal/history"
	"github.com/shmbus/shmbus/bench/internal/plan"
)

// performance is the document with the figures of the history.
const performance = "../docs/performance.md"

// document writes what the history says into a document.
func document(name, historyFile string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	changed, err := documented(string(text), historyFile)
	if err != nil {
		return err
	}
	return os.WriteFile(name, []byte(changed), 0o644)
}

// documented is the text of a document with what the history says.
func documented(text, historyFile string) (string, error) {
	entries, err := history.Read(historyFile)
	if err != nil {
		return "", err
	}
	made, err := history.Document((&plan.Programs{}).Workloads(), entries)
	if err != nil {
		return "", err
	}
	return history.Insert(text, made)
}
