package main

import (
	"strings"
	"unicode"
)

// countWords counts what stands between spaces and holds a letter or a digit; a dash alone is no word.
func countWords(text string) int {
	count := 0
	for _, field := range strings.Fields(text) {
		if strings.ContainsFunc(field, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) {
			count++
		}
	}
	return count
}
