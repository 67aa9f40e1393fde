package offheap

func large([]byte) {}
