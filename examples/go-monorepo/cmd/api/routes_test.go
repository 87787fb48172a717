package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"example.com/wordcount/internal/spool"
)

func ask(t *testing.T, handler http.Handler, method, path, body string) *httptest.ResponseRecorder {
	t.Helper()
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, httptest.NewRequest(method, path, strings.NewReader(body)))
	return recorder
}

func TestAJobCanBeAskedFor(t *testing.T) {
	jobs, err := spool.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	handler := routes(jobs)

	created := ask(t, handler, "POST", "/jobs", "two words")
	var job spool.Job
	if err := json.NewDecoder(created.Body).Decode(&job); err != nil || created.Code != http.StatusCreated {
		t.Fatalf("%d, %v", created.Code, err)
	}
	if _, err := jobs.Work(func(string) int { return 2 }); err != nil {
		t.Fatal(err)
	}
	found := ask(t, handler, "GET", "/jobs/"+job.ID, "")
	if body, _ := io.ReadAll(found.Body); !strings.Contains(string(body), `"words":2`) {
		t.Fatalf("%d, %s", found.Code, body)
	}
}

func TestWhatIsUnknownOrTooLongIsRefused(t *testing.T) {
	jobs, err := spool.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if code := ask(t, routes(jobs), "GET", "/jobs/1", "").Code; code != http.StatusNotFound {
		t.Error(code)
	}
	long := strings.Repeat("x", largestText+1)
	if code := ask(t, routes(jobs), "POST", "/jobs", long).Code; code != http.StatusRequestEntityTooLarge {
		t.Error(code)
	}
}
