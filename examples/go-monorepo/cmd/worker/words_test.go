package main

import "testing"

func TestCountWords(t *testing.T) {
	for text, want := range map[string]int{
		"":                         0,
		"one":                      1,
		"  spaces,\n\tand lines  ": 3,
		"it's a well-known fact":   4,
		"a dash - is no word":      5,
		"日本 42":                    2,
	} {
		if got := countWords(text); got != want {
			t.Errorf("%q: %d words, want %d", text, got, want)
		}
	}
}
