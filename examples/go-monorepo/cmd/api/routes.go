package main

import (
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"

	"example.com/wordcount/internal/spool"
)

const largestText = 1 << 20

// routes answers POST /jobs with a new job, GET /jobs/{id} with the job as it stands.
func routes(jobs *spool.Spool) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]bool{"ok": true})
	})
	mux.HandleFunc("POST /jobs", func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, largestText))
		if err != nil {
			answer(w, http.StatusRequestEntityTooLarge, map[string]string{"error": "the text is too long"})
			return
		}
		job, err := jobs.Add(string(text))
		answerJob(w, http.StatusCreated, job, err)
	})
	mux.HandleFunc("GET /jobs/{id}", func(w http.ResponseWriter, r *http.Request) {
		job, err := jobs.Find(r.PathValue("id"))
		answerJob(w, http.StatusOK, job, err)
	})
	return mux
}

func answerJob(w http.ResponseWriter, status int, job spool.Job, err error) {
	switch {
	case errors.Is(err, spool.ErrUnknown):
		answer(w, http.StatusNotFound, map[string]string{"error": err.Error()})
	case err != nil:
		log.Print(err)
		answer(w, http.StatusInternalServerError, map[string]string{"error": "the job cannot be stored or read"})
	default:
		answer(w, status, job)
	}
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		log.Print(err)
	}
}
