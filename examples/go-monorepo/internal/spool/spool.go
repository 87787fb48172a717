// Package spool hands texts from one process to another through a folder that both can reach.
package spool

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/uuid"
)

// ErrUnknown tells that no job has the id.
var ErrUnknown = errors.New("no such job")

// Job is a text to count, and the words in it once a worker has counted them.
type Job struct {
	ID    string `json:"id"`
	Text  string `json:"text"`
	Words *int   `json:"words"`
}

// Spool keeps one file per job: in open until it is done, then in done.
type Spool struct {
	open, done string
}

// Open makes the folders where they are missing.
func Open(folder string) (*Spool, error) {
	spool := &Spool{open: filepath.Join(folder, "open"), done: filepath.Join(folder, "done")}
	for _, folder := range []string{spool.open, spool.done} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return nil, err
		}
	}
	return spool, nil
}

// Add stores a text under a new id.
func (s *Spool) Add(text string) (Job, error) {
	job := Job{ID: uuid.NewString(), Text: text}
	return job, write(s.open, job)
}

// Find returns a job, done or not.
func (s *Spool) Find(id string) (Job, error) {
	if err := uuid.Validate(id); err != nil {
		return Job{}, ErrUnknown
	}
	// In this order, as a job that leaves open is in done already.
	job, err := read(s.open, id)
	if errors.Is(err, ErrUnknown) {
		return read(s.done, id)
	}
	return job, err
}

// Work calls count on every open job, and returns how many there were.
func (s *Spool) Work(count func(text string) int) (int, error) {
	paths, err := filepath.Glob(filepath.Join(s.open, "*.json"))
	if err != nil {
		return 0, err
	}
	for index, path := range paths {
		job, err := read(s.open, idOf(path))
		if err != nil {
			return index, err
		}
		words := count(job.Text)
		job.Words = &words
		if err := write(s.done, job); err != nil {
			return index, err
		}
		if err := os.Remove(path); err != nil {
			return index, err
		}
	}
	return len(paths), nil
}

func idOf(path string) string {
	name := filepath.Base(path)
	return name[:len(name)-len(".json")]
}

func read(folder, id string) (Job, error) {
	bytes, err := os.ReadFile(filepath.Join(folder, id+".json"))
	if errors.Is(err, fs.ErrNotExist) {
		return Job{}, ErrUnknown
	}
	if err != nil {
		return Job{}, err
	}
	var job Job
	if err := json.Unmarshal(bytes, &job); err != nil {
		return Job{}, fmt.Errorf("job %s: %w", id, err)
	}
	return job, nil
}

// write renames at the end: a reader sees all of a file or none of it.
func write(folder string, job Job) error {
	bytes, err := json.Marshal(job)
	if err != nil {
		return err
	}
	path := filepath.Join(folder, job.ID+".json")
	if err := os.WriteFile(path+".part", bytes, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".part", path)
}
