// The answer goes on to the career center by itself; without this file the Continue button does it.
document.getElementById("answer").submit();
