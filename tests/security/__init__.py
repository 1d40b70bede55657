"""What is tried against ghostwatch, one file a class, each as the role that the attack names."""
