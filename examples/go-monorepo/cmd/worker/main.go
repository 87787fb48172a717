// Command worker counts the words of the texts that wait in the spool, and looks for new ones every second.
package main

import (
	"cmp"
	"log"
	"os"
	"time"

	"example.com/wordcount/internal/spool"
)

func main() {
	jobs, err := spool.Open(cmp.Or(os.Getenv("SPOOL"), "spool"))
	if err != nil {
		log.Fatal(err)
	}
	log.Print("worker waits for jobs")
	for ; ; time.Sleep(time.Second) {
		n, err := jobs.Work(countWords)
		if err != nil {
			log.Print(err)
		}
		if n > 0 {
			log.Printf("%d jobs done", n)
		}
	}
}
