package spool

import (
	"errors"
	"testing"
)

func opened(t *testing.T) *Spool {
	t.Helper()
	spool, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return spool
}

func TestAJobIsFoundBeforeAndAfterItsWork(t *testing.T) {
	spool := opened(t)
	added, err := spool.Add("some text")
	if err != nil {
		t.Fatal(err)
	}
	if job, err := spool.Find(added.ID); err != nil || job.Text != "some text" || job.Words != nil {
		t.Fatalf("before: %+v, %v", job, err)
	}
	if n, err := spool.Work(func(text string) int { return len(text) }); err != nil || n != 1 {
		t.Fatalf("%d done, %v", n, err)
	}
	if job, err := spool.Find(added.ID); err != nil || job.Words == nil || *job.Words != 9 {
		t.Fatalf("after: %+v, %v", job, err)
	}
	if n, err := spool.Work(func(string) int { return 0 }); err != nil || n != 0 {
		t.Fatalf("%d done twice, %v", n, err)
	}
}

func TestOnlyIdsAreLookedUp(t *testing.T) {
	spool := opened(t)
	for _, id := range []string{"", "../open/x", "5b4f7a5e-97a7-4c3c-9a2e-1d3a0c5b8f10"} {
		if _, err := spool.Find(id); !errors.Is(err, ErrUnknown) {
			t.Errorf("%q: %v", id, err)
		}
	}
}
