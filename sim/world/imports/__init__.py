"""Personas from elsewhere: character cards and TinyTroupe's, read as data and written as a sheet of ours."""
